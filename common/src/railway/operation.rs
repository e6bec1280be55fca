//! The operations that deploy, each in one request.

use super::client::Railway;
use super::documents::{
    FactoryReset, Repair, Start, UpdateImage, factory_reset, repair, start, update_image,
};
use super::error::{OperationError, RailwayError};
use super::resolve::RailwayService;
use super::{DeploymentId, Variables};
use crate::model::PinnedImage;

use super::client::Moment;
use tokio::time::Instant;

impl Railway {
    /// Deploys the service as it is configured now.
    ///
    /// # Errors
    /// When Railway fails.
    pub async fn start(&self, service: &RailwayService) -> Result<DeploymentId, OperationError> {
        let deadline = self.deadline();
        let variables = start::Variables {
            service_id: service.id().to_owned(),
            environment_id: service.access().environment_id.clone(),
        };
        let id = self
            .write::<Start, _, _>(
                service.access(),
                variables,
                deadline,
                |answer| Ok(answer.service_instance_deploy_v2.into()),
                |sent| self.deployed_since(service, sent, deadline),
            )
            .await?;
        Ok(id)
    }

    /// Merges variables into those of the service, and deploys once.
    ///
    /// # Errors
    /// When Railway fails. Its variables may be written already: the same call
    /// finishes what this one began.
    pub async fn repair(
        &self,
        service: &RailwayService,
        variables: &Variables,
    ) -> Result<DeploymentId, OperationError> {
        let deadline = self.deadline();
        let access = service.access();
        let document = repair::Variables {
            project_id: access.project_id.clone(),
            environment_id: access.environment_id.clone(),
            service_id: service.id().to_owned(),
            variables: variables.to_map(),
        };
        let id = self
            .write::<Repair, _, _>(
                access,
                document,
                deadline,
                |answer| {
                    done(answer.variable_collection_upsert)?;
                    Ok(answer.service_instance_deploy_v2.into())
                },
                |sent| self.deployed_since(service, sent, deadline),
            )
            .await
            .map_err(|error| error.without(variables.values()))?;
        Ok(id)
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
        let deadline = self.deadline();
        let variables = update_image::Variables {
            environment_id: service.access().environment_id.clone(),
            service_id: service.id().to_owned(),
            image: image.as_str().to_owned(),
        };
        let id = self
            .write::<UpdateImage, _, _>(
                service.access(),
                variables,
                deadline,
                |answer| {
                    done(answer.service_instance_update)?;
                    Ok(answer.service_instance_deploy_v2.into())
                },
                |sent| self.deployed_since(service, sent, deadline),
            )
            .await?;
        Ok(id)
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
        let deadline = self.deadline();
        let access = service.access();
        let document = factory_reset::Variables {
            project_id: access.project_id.clone(),
            environment_id: access.environment_id.clone(),
            service_id: service.id().to_owned(),
            variables: variables.to_map(),
            image: image.as_str().to_owned(),
        };
        let id = self
            .write::<FactoryReset, _, _>(
                access,
                document,
                deadline,
                |answer| {
                    done(answer.variable_collection_upsert)?;
                    done(answer.service_instance_update)?;
                    Ok(answer.service_instance_deploy_v2.into())
                },
                |sent| self.deployed_since(service, sent, deadline),
            )
            .await
            .map_err(|error| error.without(variables.values()))?;
        Ok(id)
    }

    /// The effect of a deployment: the last field of each of these mutations,
    /// so that it proves those before it too.
    async fn deployed_since(
        &self,
        service: &RailwayService,
        sent: Moment,
        deadline: Instant,
    ) -> Result<Option<DeploymentId>, RailwayError> {
        let answer = self.service_state(service, deadline).await?;
        let sent = sent.by_answer_of(answer.date);
        let latest = answer.data.latest;
        Ok(latest
            .filter(|latest| latest.created_at >= sent)
            .map(|latest| latest.id))
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
