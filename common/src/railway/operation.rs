//! The operations that deploy, each in one request.

use graphql_client::GraphQLQuery;
use tokio::time::Instant;

use super::client::{Moment, Railway};
use super::documents::{
    FactoryReset, Repair, Start, UpdateImage, factory_reset, repair, start, update_image,
};
use super::error::{OperationError, RailwayError};
use super::resolve::RailwayService;
use super::{Deployment, DeploymentId, Variables};
use crate::model::PinnedImage;

impl Railway {
    /// Deploys the service as it is configured now.
    ///
    /// # Errors
    /// When Railway fails.
    pub async fn start(&self, service: &RailwayService) -> Result<DeploymentId, OperationError> {
        Ok(self.start_until(service, self.deadline()).await?)
    }

    /// Also what a restart does where nothing runs.
    pub(super) async fn start_until(
        &self,
        service: &RailwayService,
        deadline: Instant,
    ) -> Result<DeploymentId, RailwayError> {
        let variables = start::Variables {
            service_id: service.id().to_owned(),
            environment_id: service.access().environment_id.clone(),
        };
        let answered = |answer: start::ResponseData| Ok(answer.service_instance_deploy_v2);
        self.deploy::<Start>(service, variables, deadline, None, answered)
            .await
    }

    /// Merges variables into those of the service, and deploys once.
    ///
    /// # Errors
    /// When Railway fails. The variables may be written already: the same call
    /// finishes what this one began.
    pub async fn repair(
        &self,
        service: &RailwayService,
        variables: &Variables,
    ) -> Result<DeploymentId, OperationError> {
        let access = service.access();
        let document = repair::Variables {
            project_id: access.project_id.clone(),
            environment_id: access.environment_id.clone(),
            service_id: service.id().to_owned(),
            variables: variables.to_map(),
        };
        let answered = |answer: repair::ResponseData| {
            done(answer.variable_collection_upsert)?;
            Ok(answer.service_instance_deploy_v2)
        };
        Ok(self
            .deploy::<Repair>(service, document, self.deadline(), None, answered)
            .await
            .map_err(|error| error.without(variables.values()))?)
    }

    /// Changes the image of the service, and deploys it.
    ///
    /// # Errors
    /// When Railway fails. The image may be set already, and is then part of
    /// the next deployment.
    pub async fn update_image(
        &self,
        service: &RailwayService,
        image: &PinnedImage,
    ) -> Result<DeploymentId, OperationError> {
        let variables = update_image::Variables {
            environment_id: service.access().environment_id.clone(),
            service_id: service.id().to_owned(),
            image: image.as_str().to_owned(),
        };
        let answered = |answer: update_image::ResponseData| {
            done(answer.service_instance_update)?;
            Ok(answer.service_instance_deploy_v2)
        };
        Ok(self
            .deploy::<UpdateImage>(service, variables, self.deadline(), Some(image), answered)
            .await?)
    }

    /// Merges variables, changes the image, and deploys once.
    ///
    /// # Errors
    /// When Railway fails. What came before the failure stays: the same call
    /// finishes what this one began.
    pub async fn factory_reset(
        &self,
        service: &RailwayService,
        variables: &Variables,
        image: &PinnedImage,
    ) -> Result<DeploymentId, OperationError> {
        let access = service.access();
        let document = factory_reset::Variables {
            project_id: access.project_id.clone(),
            environment_id: access.environment_id.clone(),
            service_id: service.id().to_owned(),
            variables: variables.to_map(),
            image: image.as_str().to_owned(),
        };
        let answered = |answer: factory_reset::ResponseData| {
            done(answer.variable_collection_upsert)?;
            done(answer.service_instance_update)?;
            Ok(answer.service_instance_deploy_v2)
        };
        Ok(self
            .deploy::<FactoryReset>(service, document, self.deadline(), Some(image), answered)
            .await
            .map_err(|error| error.without(variables.values()))?)
    }

    /// Sends a mutation whose last field deploys, so that the deployment proves
    /// the fields before it too.
    async fn deploy<Q: GraphQLQuery>(
        &self,
        service: &RailwayService,
        variables: Q::Variables,
        deadline: Instant,
        image: Option<&PinnedImage>,
        answered: impl Fn(Q::ResponseData) -> Result<String, RailwayError>,
    ) -> Result<DeploymentId, RailwayError> {
        let seen = |sent: Moment| async move {
            let answer = self.service_state(service, deadline).await?;
            let sent = sent.by_answer_of(answer.date);
            let is_ours = |it: &Deployment| it.created_at >= sent && it.may_run(image);
            let latest = answer.data.latest.filter(is_ours);
            Ok(latest.map(|latest| latest.id))
        };
        let answered = |answer| answered(answer).map(DeploymentId::from);
        self.write::<Q, _, _>(service.access(), variables, deadline, answered, seen)
            .await
    }
}

impl Deployment {
    /// Nothing says that it was made for another image than the wanted one.
    fn may_run(&self, wanted: Option<&PinnedImage>) -> bool {
        match (wanted, &self.image) {
            (Some(wanted), Some(image)) => wanted.as_str() == image.as_str(),
            _ => true,
        }
    }
}

/// Railway answers `true` to a write, or an error.
pub(super) fn done(answer: bool) -> Result<(), RailwayError> {
    if answer {
        Ok(())
    } else {
        Err(RailwayError::Refused("it answered false".to_owned()))
    }
}
